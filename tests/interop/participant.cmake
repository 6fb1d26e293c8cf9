# A participant against a real RabbitMQ: that of MSGFLO_TEST_BROKER, or one of its own.
foreach(name participant_amqp participant_amqp_failures)
  add_executable(test_${name} test_${name}.c ${PROJECT_SOURCE_DIR}/tests/support/amqp_node.c
                 ${PROJECT_SOURCE_DIR}/tests/support/scratch_broker.c)
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}
                             ${PROJECT_SOURCE_DIR}/tests/support)
  target_compile_definitions(test_${name} PRIVATE SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(test_${name} PRIVATE house_rules msgflo base PkgConfig::JANSSON
                        PkgConfig::RABBITMQ PkgConfig::CMOCKA)
  add_test(NAME interop_${name} COMMAND test_${name})
  set_tests_properties(interop_${name} PROPERTIES LABELS interop TIMEOUT 600)
endforeach()

add_executable(test_participant_amqps test_participant_amqps.c
               ${PROJECT_SOURCE_DIR}/tests/support/program.c)
target_include_directories(test_participant_amqps PRIVATE ${PROJECT_SOURCE_DIR}
                           ${PROJECT_SOURCE_DIR}/tests/support)
target_compile_definitions(test_participant_amqps PRIVATE SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                           STORE="$<TARGET_FILE:imageresize-store>")
add_dependencies(test_participant_amqps imageresize-store)
target_link_libraries(test_participant_amqps PRIVATE house_rules msgflo base PkgConfig::CMOCKA)
add_test(NAME interop_participant_amqps COMMAND test_participant_amqps)
set_tests_properties(interop_participant_amqps PROPERTIES LABELS interop TIMEOUT 600)

add_executable(test_participant_program test_participant_program.c
               ${PROJECT_SOURCE_DIR}/tests/support/scratch_broker.c)
target_include_directories(test_participant_program PRIVATE ${PROJECT_SOURCE_DIR}
                           ${PROJECT_SOURCE_DIR}/tests/support)
target_compile_definitions(test_participant_program PRIVATE SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                           REPEAT="$<TARGET_FILE:msgflo-repeat>" DROP="$<TARGET_FILE:msgflo-drop>")
target_link_libraries(test_participant_program PRIVATE house_rules msgflo base
                      PkgConfig::RABBITMQ PkgConfig::CMOCKA)
add_dependencies(test_participant_program msgflo-repeat msgflo-drop)
add_test(NAME interop_participant_program COMMAND test_participant_program)
set_tests_properties(interop_participant_program PROPERTIES LABELS interop TIMEOUT 600)
