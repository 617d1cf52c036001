-- A database may be shared with other services, so the names say whose these are.
create table photo_users (
  id uuid primary key,
  username text not null unique,
  password_hash text not null,
  role text not null check (role in ('admin', 'user')),
  created_at timestamptz not null default now()
);

-- One for each time that somebody signed in. Ended ones refuse their token.
create table photo_sessions (
  id uuid primary key,
  user_id uuid not null references photo_users on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz
);
create index photo_sessions_of_user on photo_sessions (user_id);

-- A picture that was uploaded, and the job of restoring it. A row is there only while the file of its upload is.
create table restorations (
  id uuid primary key,
  user_id uuid not null references photo_users on delete cascade,
  -- The session in whose addresses it lies. It outlives the session itself.
  session_id uuid not null,
  original_filename text not null,
  -- What of the file's name may stand in an address, without its extension.
  stem text not null,
  model_id text not null,
  parameters jsonb not null,

  type text not null check (type in ('jpeg', 'png', 'webp')),
  width int not null,
  height int not null,
  bytes bigint not null,
  -- What was taken out of the upload, or changed in it: a sentence each.
  notes jsonb not null default '[]',

  state text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed')),
  step text not null default 'Waiting',
  progress real not null default 0,
  attempts int not null default 0,
  -- Which process works on it, and until when it need not say so again.
  claimed_by uuid,
  claimed_until timestamptz,
  -- {status, title, retry_after}
  failure jsonb,

  processed_type text,
  processed_width int,
  processed_height int,
  processed_bytes bigint not null default 0,

  created_at timestamptz not null default now(),
  finished_at timestamptz
);
create index restorations_of_user on restorations (user_id, created_at desc);
create index restorations_to_do on restorations (created_at) where state in ('queued', 'running');
