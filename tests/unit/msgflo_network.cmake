# The coordinator's pure parts.
unit_test(seen LIBRARIES msgflo_network)
unit_test(protocol LIBRARIES msgflo_network)
