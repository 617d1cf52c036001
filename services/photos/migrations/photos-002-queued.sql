-- Since when it waits: another time than it was uploaded, once somebody has tried it again.
alter table restorations add column queued_at timestamptz not null default now();
update restorations set queued_at = created_at;
