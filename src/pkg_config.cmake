# What daybook.pc says besides names and places, by DAYBOOK_PC_TYPE, the type of the library. A static
# library brings along nothing of what it needs, so that who links it has to be told all of it; a
# shared one knows that itself, but for what the headers use.
set(DAYBOOK_PC_REQUIRES "absl_flat_hash_map absl_status absl_statusor")
set(DAYBOOK_PC_REQUIRES_PRIVATE "absl_strings absl_str_format libzstd")
set(DAYBOOK_PC_LIBS "")
set(DAYBOOK_PC_LIBS_PRIVATE "-lpthread")
if(DAYBOOK_PC_TYPE STREQUAL "STATIC_LIBRARY")
  string(APPEND DAYBOOK_PC_REQUIRES " ${DAYBOOK_PC_REQUIRES_PRIVATE}")
  set(DAYBOOK_PC_REQUIRES_PRIVATE "")
  set(DAYBOOK_PC_LIBS " ${DAYBOOK_PC_LIBS_PRIVATE}")
  set(DAYBOOK_PC_LIBS_PRIVATE "")
endif()
