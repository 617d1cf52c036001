-- Devices, by what they say of themselves or by where they are, and what they told.

create table devices (
  id           bigint generated always as identity primary key,
  -- mac:…, serial:…, address:…; null until it was heard of or asked.
  key          text unique,
  name         text not null default '',
  mac          text,
  serial       text,
  model        text,
  -- Where it sends from, and where it says it is.
  sends_from   text,
  says_address text,
  first_seen   timestamptz,
  last_seen    timestamptz,
  last_event   timestamptz,
  -- Its clock minus ours, and its zone in minutes east of UTC.
  drift_ms     bigint,
  zone         integer,
  created_at   timestamptz not null default now()
);

create table events (
  id          bigint generated always as identity primary key,
  -- The same for a redelivery.
  key         text not null unique,
  device_id   bigint references devices (id) on delete set null,
  kind        text not null,
  type        text not null default '',
  title       text not null,
  state       text,
  received_at timestamptz not null,
  -- The device's own time as an instant; null if it did not say one that can be read.
  happened_at timestamptz,
  zone        integer,
  zone_guessed boolean not null default false,
  time_text   text,
  sent_from   text not null,
  path        text not null default '',
  channel     integer,
  channel_name text,
  person_number text,
  person_name text,
  card        text,
  door        integer,
  reader      integer,
  major       integer,
  minor       integer,
  outcome     text,
  attendance  text,
  plate       text,
  target      text,
  question    boolean not null default false,
  replayed    boolean not null default false,
  serial_no   integer,
  -- One alarm that goes on is one event: how often it was told, and when for the last time.
  alarm       text,
  posts       integer not null default 1,
  last_at     timestamptz not null,
  -- [{"name":"Picture","file":"2026-01-31/….jpg"}]
  pictures    jsonb not null default '[]',
  picture_urls jsonb not null default '[]',
  detail      jsonb,
  understood  boolean not null default true,
  -- Why it was not understood, or not whole, and the file that keeps its bytes.
  reason      text,
  raw         text
);
create index events_by_device on events (device_id, id desc);
create index events_by_kind on events (kind, id desc);
create index events_by_person on events (person_number, id desc) where person_number is not null;
create index events_by_plate on events (plate, id desc) where plate is not null;
create index events_by_time on events (received_at);
create index events_by_alarm on events (alarm, id desc) where alarm is not null;
create index events_unread on events (id desc) where not understood;

-- Up to which event the log files are written.
create table log_progress (
  one     boolean primary key default true check (one),
  last_id bigint not null
);
insert into log_progress (last_id) values (0);
