# Stands in for the images of Postgres, Redis and Prometheus: Debian's packages, with the users and folders of those.
ARG BASE
FROM ${BASE}
ARG PACKAGES
RUN groupadd --gid 999 postgres && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql postgres \
 && printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \
 && mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
 && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ${PACKAGES} \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ \
 && rm -rf /var/lib/postgresql && mkdir -p /var/lib/postgresql/data /data /prometheus \
 && chown 999:999 /var/lib/postgresql/data /data && chown 65534:65534 /prometheus
# A tmpfs takes over the rights of the folder that it covers.
RUN mkdir -p /run/postgresql && chmod 3777 /run/postgresql
COPY postgres-entrypoint /usr/local/bin/
CMD ["postgres-entrypoint"]
