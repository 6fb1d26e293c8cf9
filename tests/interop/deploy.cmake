# bin/deploy from outside, with the programs of this build, a Postgres and a RabbitMQ.
store_test(deploy db)
target_sources(test_deploy PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/program.c
               ${PROJECT_SOURCE_DIR}/tests/support/scratch_broker.c)
target_compile_definitions(test_deploy PRIVATE BINARY_DIR="${PROJECT_BINARY_DIR}")
target_link_libraries(test_deploy PRIVATE PkgConfig::RABBITMQ PkgConfig::JANSSON)
add_dependencies(test_deploy imageresize-web imageresize-resize imageresize-decode
                 imageresize-store guv formation msgflo_tool)
