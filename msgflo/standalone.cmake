# What the tree's own CMakeLists.txt provides, when msgflo/ is configured by itself.
option(MSGFLO_TOOL "Build the tool msgflo, not only the library and its examples" ON)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug or RelWithDebInfo" FORCE)
endif()
get_filename_component(PROJECT_SOURCE_DIR ${CMAKE_CURRENT_SOURCE_DIR}/.. ABSOLUTE) # the tree's

include(GNUInstallDirs)
include(${PROJECT_SOURCE_DIR}/cmake/house_rules.cmake)
find_package(PkgConfig REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(RABBITMQ REQUIRED IMPORTED_TARGET librabbitmq)
pkg_check_modules(MOSQUITTO REQUIRED IMPORTED_TARGET libmosquitto)
if(MSGFLO_TOOL)
  find_package(Threads REQUIRED)
  pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
  pkg_check_modules(LIBCRYPTO REQUIRED IMPORTED_TARGET libcrypto)
  pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
  pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
  find_library(WSLAY_LIBRARY wslay REQUIRED) # Debian's package has no pkg-config file
endif()
add_subdirectory(${PROJECT_SOURCE_DIR}/lib/base base)
