-- They are counted when somebody reads the metrics, among all that were ever done.
create index jobs_failed on jobs (device_id) where state = 'failed';
