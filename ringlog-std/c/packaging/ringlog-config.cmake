# find_package(ringlog): ringlog::ringlog (shared), ringlog::static, ringlog::core (rings over the caller's memory alone).
get_filename_component(_ringlog_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET ringlog::ringlog)
    find_package(Threads REQUIRED)

    add_library(ringlog::ringlog SHARED IMPORTED)
    set_target_properties(ringlog::ringlog PROPERTIES
        IMPORTED_LOCATION "${_ringlog_prefix}/lib/libringlog.so"
        IMPORTED_SONAME "@soname@"
        INTERFACE_INCLUDE_DIRECTORIES "${_ringlog_prefix}/include")

    add_library(ringlog::static STATIC IMPORTED)
    set_target_properties(ringlog::static PROPERTIES
        IMPORTED_LOCATION "${_ringlog_prefix}/lib/libringlog.a"
        INTERFACE_INCLUDE_DIRECTORIES "${_ringlog_prefix}/include"
        INTERFACE_LINK_LIBRARIES "Threads::Threads;${CMAKE_DL_LIBS};m")

    add_library(ringlog::core STATIC IMPORTED)
    set_target_properties(ringlog::core PROPERTIES
        IMPORTED_LOCATION "${_ringlog_prefix}/lib/libringlog_core.a"
        INTERFACE_INCLUDE_DIRECTORIES "${_ringlog_prefix}/include")
endif()

unset(_ringlog_prefix)
