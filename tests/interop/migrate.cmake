# bin/migrate from outside, on a private Postgres.
store_test(migrate db)

# Needs no server: it is one itself.
store_test(db_tls db)
