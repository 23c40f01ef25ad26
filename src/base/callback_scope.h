#ifndef DAYBOOK_BASE_CALLBACK_SCOPE_H_
#define DAYBOOK_BASE_CALLBACK_SCOPE_H_

namespace daybook::inline v1 {

// What this thread runs for the application, so that a call from there that would wait for its own
// end can answer an error instead. Scopes nest: a callback may send, and be called back again.
class CallbackScope {
 public:
  enum class Kind {
    kDelivery,  // a DeliveryCallback
    kHandler,   // a handler of ConsumerGroup::Run
  };

  // `owner`: the broker that calls; compared, never looked into.
  CallbackScope(const void* owner, Kind kind);
  ~CallbackScope();
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;

  // Whether this thread is within a scope of that owner, of one kind or of any.
  static bool IsWithin(const void* owner, Kind kind);
  static bool IsWithin(const void* owner);

 private:
  const void* const owner_;
  const Kind kind_;
  const CallbackScope* const outer_;
};

}  // namespace daybook::inline v1

#endif  // DAYBOOK_BASE_CALLBACK_SCOPE_H_
