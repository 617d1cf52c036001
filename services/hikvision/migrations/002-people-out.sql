-- How devices are reached, who is to be known to them, and the work that follows from it.

create table agents (
  id         bigint generated always as identity primary key,
  name       text not null unique,
  -- SHA-256 of its token; the token itself is shown once.
  token_hash text not null unique,
  last_seen  timestamptz,
  created_at timestamptz not null default now()
);

alter table devices
  -- http://192.168.1.64: null for a device that only sends.
  add column base text,
  add column login text,
  -- Sealed with a key that is not in the database.
  add column password bytea,
  add column agent_id bigint references agents (id) on delete set null,
  add column firmware text,
  -- unknown, ok, away, refused (its name and password)
  add column state text not null default 'unknown',
  add column state_reason text,
  add column state_at timestamptz;

create table people (
  number     text primary key,
  name       text not null,
  type       text not null default 'normal',
  valid_from text not null,
  valid_to   text not null,
  doors      integer[] not null default '{1}',
  cards      text[] not null default '{}',
  -- Below faces/, and null without one.
  face       text,
  updated_at timestamptz not null default now()
);

-- On which devices a person is to be, and which face is there.
create table person_devices (
  person_number text not null references people (number) on delete cascade,
  device_id     bigint not null references devices (id) on delete cascade,
  face_sent     text,
  primary key (person_number, device_id)
);

create table jobs (
  id            bigint generated always as identity primary key,
  device_id     bigint not null references devices (id) on delete cascade,
  person_number text not null,
  person_name   text not null default '',
  -- put: as it stands in people when the job runs; remove.
  kind          text not null,
  -- waiting, running, done, failed, cancelled, replaced
  state         text not null default 'waiting',
  attempts      integer not null default 0,
  next_at       timestamptz not null default now(),
  reason        text,
  reason_code   text,
  created_at    timestamptz not null default now(),
  finished_at   timestamptz
);
create unique index jobs_one_waiting on jobs (device_id, person_number) where state = 'waiting';
create index jobs_due on jobs (next_at) where state = 'waiting';
create index jobs_running on jobs (device_id) where state = 'running';
create index jobs_by_device on jobs (device_id, id desc);
create index jobs_by_person on jobs (person_number, id desc);
