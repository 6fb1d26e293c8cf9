# web with a RabbitMQ and a Postgres of its own, and formation.
store_test(web_graph test_support)
target_sources(test_web_graph PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/program.c
               ${PROJECT_SOURCE_DIR}/tests/support/scratch_broker.c)
target_compile_definitions(test_web_graph PRIVATE WEB="$<TARGET_FILE:imageresize-web>"
                           FORMATION="$<TARGET_FILE:formation>"
                           QUEUE_WORKER="$<TARGET_FILE:queue_worker>")
target_link_libraries(test_web_graph PRIVATE db PkgConfig::RABBITMQ PkgConfig::MICROHTTPD)
add_dependencies(test_web_graph imageresize-web formation queue_worker)
set_tests_properties(interop_web_graph PROPERTIES TIMEOUT 600 COST 60)
