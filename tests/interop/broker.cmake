# What the tool does on a real RabbitMQ: that of MSGFLO_TEST_BROKER, or one of its own; and on a real
# Mosquitto.
function(broker_test name server)
  add_executable(test_${name} test_${name}.c ${PROJECT_SOURCE_DIR}/tests/support/${server}.c ${ARGN})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support)
  target_compile_definitions(test_${name} PRIVATE SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(test_${name} PRIVATE house_rules msgflo_broker PkgConfig::RABBITMQ
                        PkgConfig::CMOCKA)
  add_test(NAME interop_${name} COMMAND test_${name})
  set_tests_properties(interop_${name} PROPERTIES LABELS interop TIMEOUT 600)
endfunction()
broker_test(broker_amqp scratch_broker)
foreach(name broker_worker broker_edges)
  broker_test(${name} scratch_broker ${PROJECT_SOURCE_DIR}/tests/support/broker_node.c)
endforeach()
broker_test(broker_move scratch_broker ${PROJECT_SOURCE_DIR}/tests/support/step_proxy.c)
broker_test(broker_worker_mqtt scratch_mosquitto)
# The longest are begun first, where programs run side by side.
set_tests_properties(interop_broker_move PROPERTIES COST 100)
set_tests_properties(interop_broker_worker PROPERTIES COST 60)
set_tests_properties(interop_broker_edges PROPERTIES COST 30)
