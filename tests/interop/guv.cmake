# guv with a RabbitMQ and a Postgres of its own, formation as the platform, and workers.
add_executable(queue_worker ${PROJECT_SOURCE_DIR}/tests/support/queue_worker.c)
target_link_libraries(queue_worker PRIVATE house_rules PkgConfig::RABBITMQ)

# Two programs, to run side by side.
foreach(name guv_live guv_outages)
  add_executable(test_${name} test_${name}.c ${PROJECT_SOURCE_DIR}/tests/support/guv_live.c
                 ${PROJECT_SOURCE_DIR}/tests/support/program.c
                 ${PROJECT_SOURCE_DIR}/tests/support/scratch_broker.c
                 ${PROJECT_SOURCE_DIR}/tests/support/scratch_db.c)
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}
                             ${PROJECT_SOURCE_DIR}/tests/support)
  target_compile_definitions(test_${name} PRIVATE SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                             GUV="$<TARGET_FILE:guv>" FORMATION="$<TARGET_FILE:formation>"
                             QUEUE_WORKER="$<TARGET_FILE:queue_worker>")
  target_link_libraries(test_${name} PRIVATE test_support db PkgConfig::RABBITMQ
                        PkgConfig::CMOCKA)
  add_dependencies(test_${name} guv formation queue_worker)
  add_test(NAME interop_${name} COMMAND test_${name})
  set_tests_properties(interop_${name} PROPERTIES LABELS interop TIMEOUT 600 COST 120)
endforeach()
