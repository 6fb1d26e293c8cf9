# Fails unless the Procfile is what `msgflo procfile` makes of the graph.
execute_process(
  COMMAND ${MSGFLO} procfile ${SOURCE_DIR}/graphs/imageresize.fbp
          --library ${SOURCE_DIR}/graphs/components.json --include "release: bin/deploy"
  OUTPUT_VARIABLE made RESULT_VARIABLE status)
file(READ ${SOURCE_DIR}/Procfile checked_in)
if(NOT status EQUAL 0 OR NOT made STREQUAL checked_in)
  message(FATAL_ERROR "Procfile is not what the graph gives (status ${status}):\n${made}")
endif()
