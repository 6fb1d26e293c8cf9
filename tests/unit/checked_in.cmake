# Fails unless FILE holds what `msgflo ARGS` prints.
execute_process(COMMAND ${MSGFLO} ${ARGS} WORKING_DIRECTORY ${SOURCE_DIR}
                OUTPUT_VARIABLE made RESULT_VARIABLE status)
file(READ ${SOURCE_DIR}/${FILE} checked_in)
if(NOT status EQUAL 0 OR NOT made STREQUAL checked_in)
  message(FATAL_ERROR "${FILE} is not what the graph gives (status ${status}):\n${made}")
endif()
