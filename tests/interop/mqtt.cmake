# Participants, and the tool's broker layer, on a real Mosquitto: that of MSGFLO_TEST_MQTT, or one of
# its own.
foreach(name participant_mqtt participant_mqtt_connection broker_mqtt)
  add_executable(test_${name} test_${name}.c ${PROJECT_SOURCE_DIR}/tests/support/scratch_mosquitto.c)
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}
                             ${PROJECT_SOURCE_DIR}/tests/support)
  target_compile_definitions(test_${name} PRIVATE SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(test_${name} PRIVATE house_rules msgflo msgflo_broker base
                        PkgConfig::CMOCKA Threads::Threads)
  add_test(NAME interop_${name} COMMAND test_${name})
  set_tests_properties(interop_${name} PROPERTIES LABELS interop TIMEOUT 600)
endforeach()
foreach(name participant_mqtt participant_mqtt_connection)
  target_sources(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/mqtt_node.c)
endforeach()

# With npm's msgflo-nodejs.
add_test(NAME interop_mqtt COMMAND node --test --test-reporter=tap mqtt.test.js
         WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
set_tests_properties(interop_mqtt PROPERTIES LABELS interop TIMEOUT 600
                     ENVIRONMENT "IMAGERESIZE_TEST_BUILD=${PROJECT_BINARY_DIR}")
