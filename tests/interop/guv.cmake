# guv with a RabbitMQ and a Postgres of its own, formation as the platform, and workers.
add_executable(queue_worker ${PROJECT_SOURCE_DIR}/tests/support/queue_worker.c)
target_link_libraries(queue_worker PRIVATE house_rules PkgConfig::RABBITMQ)

add_executable(test_guv_live test_guv_live.c ${PROJECT_SOURCE_DIR}/tests/support/program.c
               ${PROJECT_SOURCE_DIR}/tests/support/scratch_broker.c
               ${PROJECT_SOURCE_DIR}/tests/support/scratch_db.c)
target_include_directories(test_guv_live PRIVATE ${PROJECT_SOURCE_DIR}
                           ${PROJECT_SOURCE_DIR}/tests/support)
target_compile_definitions(test_guv_live PRIVATE SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                           GUV="$<TARGET_FILE:guv>" FORMATION="$<TARGET_FILE:formation>"
                           QUEUE_WORKER="$<TARGET_FILE:queue_worker>")
target_link_libraries(test_guv_live PRIVATE test_support db PkgConfig::RABBITMQ PkgConfig::CMOCKA)
add_dependencies(test_guv_live guv formation queue_worker)
# Two halves, to run side by side.
foreach(half workers peers)
  add_test(NAME interop_guv_${half} COMMAND test_guv_live ${half})
  set_tests_properties(interop_guv_${half} PROPERTIES LABELS interop TIMEOUT 600 COST 120)
endforeach()
