-- Who may have desktops. A name is never given to another person: it is part of the address of desktops.
create table desktop_users (
  id uuid primary key default gen_random_uuid(),
  name text not null unique,
  password text not null,
  role text not null check (role in ('user', 'admin')),
  created_at timestamptz not null default now(),
  removed_at timestamptz
);

create table desktop_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references desktop_users,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz,
  address text,
  browser text
);
create index on desktop_sessions (user_id);

-- One row for each desktop that there shall be. `wanted` is what its user asked for, `status` is how far that is.
create table containers (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references desktop_users,
  session_id uuid,
  -- One more for each start: a container of another is replaced, and its password with it.
  generation integer not null default 1,
  container_name text not null unique,
  container_id text,
  docker_host text,
  image text not null,
  desktop_type text not null,
  container_port integer not null,
  host_port integer check (host_port between 1 and 65535),
  -- The whole of it is looked up: alice-ubuntu and vscode read as alice and ubuntu-vscode.
  proxy_path text not null unique,
  wanted text not null check (wanted in ('running', 'stopped', 'deleted')),
  status text not null check (status in ('starting', 'running', 'stopping', 'stopped', 'failed')),
  step text,
  reason text,
  failures integer not null default 0,
  retry_at timestamptz,
  keep_files boolean not null default true,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  stopped_at timestamptz,
  active_at timestamptz
);
-- However many start at once, a port has one desktop.
create unique index on containers (docker_host, host_port) where host_port is not null;
create sequence desktop_port_turn minvalue 0;
create index on containers (user_id);

create table desktop_audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  subject text,
  detail text
);

-- Containers carry it, so that two services on one Docker host leave each other's alone.
create table desktop_instance (
  one boolean primary key default true check (one),
  id uuid not null default gen_random_uuid()
);
insert into desktop_instance default values;
