# web with a RabbitMQ and a Postgres, and formation.
foreach(name web_graph web_demo_orders)
  store_test(${name} test_support)
  target_sources(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/program.c
                 ${PROJECT_SOURCE_DIR}/tests/support/scratch_broker.c
                 ${PROJECT_SOURCE_DIR}/tests/support/web_live.c)
  target_compile_definitions(test_${name} PRIVATE WEB="$<TARGET_FILE:imageresize-web>"
                             FORMATION="$<TARGET_FILE:formation>"
                             QUEUE_WORKER="$<TARGET_FILE:queue_worker>")
  target_link_libraries(test_${name} PRIVATE db PkgConfig::RABBITMQ PkgConfig::MICROHTTPD)
  add_dependencies(test_${name} imageresize-web formation queue_worker)
endforeach()
set_tests_properties(interop_web_graph PROPERTIES TIMEOUT 600 COST 60)
