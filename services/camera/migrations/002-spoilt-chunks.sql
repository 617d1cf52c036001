-- Bytes that were written and then refused, or broke off: they lie on the disk until others come to stand there.
create table spoilt_chunks (
  recording_id uuid not null references recordings on delete cascade,
  index integer not null,
  size integer not null,
  primary key (recording_id, index)
);
-- The sum of them. A session's bytes have them as well.
alter table recordings add column spoilt bigint not null default 0;
