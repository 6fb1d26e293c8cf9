unit_test(http_client LIBRARIES http PkgConfig::MICROHTTPD)
unit_test(queue_stats LIBRARIES queues)
