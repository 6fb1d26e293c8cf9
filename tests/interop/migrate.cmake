# bin/migrate from outside, on a private Postgres.
store_test(migrate db)
