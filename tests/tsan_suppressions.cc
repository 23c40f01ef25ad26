// What the thread sanitizer cannot see: of the functions that std::shared_ptr is made of, the
// linker may take the copies in Catch2's library, which were compiled without it. Their atomic
// counts then order nothing for it, and the last owner seems to race with the one before.

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DAYBOOK_HAS_TSAN
#endif
#endif

#if defined(DAYBOOK_HAS_TSAN) || defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:std::_Sp_counted_base"; }
#endif
