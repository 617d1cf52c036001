-- A session is one visit of one person; its token opens what belongs to it and nothing else.
create table sessions (
  id uuid primary key,
  -- SHA-256 of the token: what a reader of this table learns opens nothing.
  token_hash bytea not null unique,
  participant_id text,
  participant_name text,
  video_type text,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  -- What its chunks take on disk, kept here so that a quota costs one row.
  bytes bigint not null default 0
);
-- The sum of all of them is asked for with each chunk, and most sessions have nothing.
create index sessions_with_bytes on sessions (id) include (bytes) where bytes > 0;

-- `id` names the file on disk; `video_id` is the client's own name and reaches no path.
create table recordings (
  id uuid primary key,
  session_id uuid not null references sessions on delete cascade,
  video_id text not null,
  state text not null default 'receiving' check (state in ('receiving', 'complete')),
  extension text not null,
  chunk_size integer not null,
  total_chunks integer,
  bytes bigint not null default 0,
  metadata jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  completed_at timestamptz,
  unique (session_id, video_id)
);
create index recordings_by_age on recordings (state, updated_at);

-- A chunk is here when its bytes are on disk and were what they were said to be.
create table chunks (
  recording_id uuid not null references recordings on delete cascade,
  index integer not null,
  size integer not null,
  sha256 bytea not null,
  primary key (recording_id, index)
);
