#ifndef DAYBOOK_CATCH_H_
#define DAYBOOK_CATCH_H_

// Catch2 2 and 3 keep their headers in different places.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#endif  // DAYBOOK_CATCH_H_
