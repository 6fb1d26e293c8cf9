# store_test(NAME LIBRARIES...): a cmocka program that needs a Postgres: its own, or the one of
# IMAGERESIZE_TEST_DATABASE_URL.
function(store_test name)
  add_executable(test_${name} test_${name}.c ${PROJECT_SOURCE_DIR}/tests/support/scratch_db.c)
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}
                             ${PROJECT_SOURCE_DIR}/tests/support)
  target_compile_definitions(test_${name} PRIVATE SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(test_${name} PRIVATE ${ARGN} PkgConfig::CMOCKA Threads::Threads)
  add_test(NAME interop_${name} COMMAND test_${name})
  set_tests_properties(interop_${name} PROPERTIES LABELS interop TIMEOUT 600)
endfunction()

store_test(db_server db)
store_test(store_apply store_core)
target_sources(test_store_apply PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/scratch_jobs.c)
store_test(store_loop store_core)

# web's statements, with the store's beside them.
store_test(web_queries db job)
store_test(web_cancel web_db store_core)
target_sources(test_web_cancel PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/scratch_jobs.c)
