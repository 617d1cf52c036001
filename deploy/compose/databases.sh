#!/bin/sh
# On the first start of Postgres: a database for each service, and a user that has nothing else. The passwords come along in
# the addresses that the services are given.
set -eu
for name in visits photos camera hikvision desktops; do
  psql --username "$POSTGRES_USER" --dbname postgres --quiet --set ON_ERROR_STOP=1 \
    --set name="$name" --set password="$(cat /run/passwords/"$name")" <<'SQL'
create role :"name" login password :'password';
create database :"name" owner :"name";
revoke connect on database :"name" from public;
SQL
done
