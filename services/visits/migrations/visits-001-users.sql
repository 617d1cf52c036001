-- The name is kept apart from other services', which may use the same database.
create table visits_users (
  name text primary key check (length(name) between 1 and 64),
  -- A PHC string: $argon2id$v=19$m=…,t=…,p=…$salt$hash
  password_hash text not null,
  changed_at timestamptz not null default now()
);
