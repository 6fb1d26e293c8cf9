# The coordinator's pure parts.
unit_test(seen LIBRARIES msgflo_network)
unit_test(protocol LIBRARIES msgflo_network)
foreach(name IN ITEMS commands data edges)
  unit_test(coordinator_${name} SOURCES ../support/coordinator_script.c LIBRARIES msgflo_network)
endforeach()
