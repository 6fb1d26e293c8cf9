# The participant library: its pure parts, and whole participants on the broker in memory.
foreach(name IN ITEMS broker_url msgflo_definition msgflo_fates msgflo_participant)
  unit_test(${name} LIBRARIES msgflo PkgConfig::JANSSON)
endforeach()
target_link_options(test_msgflo_participant PRIVATE -Wl,--wrap=clock_mono_ms) # the test's own clock
