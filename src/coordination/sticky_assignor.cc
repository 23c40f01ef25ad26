#include "coordination/sticky_assignor.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "base/planted_bug.h"

namespace daybook::inline v1 {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max() / 2;

// Topics that have the same subscribers.
struct Class {
  std::vector<bool> subscribers;  // by member
  std::vector<std::string> topics;
  std::int64_t partitions = 0;
  std::vector<std::vector<TopicPartition>> owned;  // by member; those to keep first come first
  std::vector<std::int64_t> given;                 // how many, by member
};

std::vector<Class> Classify(const AssignorInput& input) {
  const std::size_t members = input.members.size();
  std::map<std::vector<bool>, Class> classes;
  for (const auto& [topic, count] : input.partitions) {
    std::vector<bool> subscribers(members);
    for (std::size_t m = 0; m < members; ++m) {
      const auto& topics = input.members[m].topics;
      subscribers[m] = std::find(topics.begin(), topics.end(), topic) != topics.end();
    }
    if (std::find(subscribers.begin(), subscribers.end(), true) == subscribers.end()) continue;
    Class& its = classes[subscribers];
    its.subscribers = subscribers;
    its.topics.push_back(topic);
    its.partitions += count;
  }
  std::set<TopicPartition> seen;
  std::vector<Class> result;
  for (auto& [subscribers, its] : classes) {
    its.owned.resize(members);
    its.given.resize(members);
    for (std::size_t m = 0; m < members && !IsPlanted(PlantedBug::kStickyForgetsOwner); ++m) {
      if (!its.subscribers[m]) continue;
      // The first of each topic, then the second of each: what is kept is a bit of everything.
      std::vector<std::tuple<int, TopicPartition>> ranked;
      std::map<std::string, int> of_topic;
      for (const TopicPartition& partition : input.members[m].owned) {
        const bool is_of_class =
            std::find(its.topics.begin(), its.topics.end(), partition.topic) != its.topics.end();
        if (!is_of_class || partition.partition >= input.partitions.at(partition.topic)) continue;
        if (seen.insert(partition).second) {
          ranked.emplace_back(of_topic[partition.topic]++, partition);
        }
      }
      std::sort(ranked.begin(), ranked.end());
      for (auto& [rank, partition] : ranked) its.owned[m].push_back(std::move(partition));
    }
    result.push_back(std::move(its));
  }
  return result;
}

// The flow that is looked for. Nodes: the classes, then the members.
class Flow {
 public:
  Flow(std::vector<Class>& classes, std::size_t members)
      : classes_(classes), members_(members), load_(members) {
    std::int64_t partitions = 0;
    for (const Class& its : classes_) partitions += its.partitions;
    more_than_all_moves_ = 2 * partitions + 1;
  }

  void Fill() {
    for (std::size_t c = 0; c < classes_.size(); ++c) {
      for (std::int64_t i = 0; i < classes_[c].partitions; ++i) AddOne(c);
    }
  }

 private:
  static std::int64_t Owned(const Class& its, std::size_t m) {
    return static_cast<std::int64_t>(its.owned[m].size());
  }
  // What one more costs, and what one less saves.
  static std::int64_t CostOfMore(const Class& its, std::size_t m) {
    return its.given[m] < Owned(its, m) ? 0 : 1;
  }
  static std::int64_t SavedByLess(const Class& its, std::size_t m) {
    return its.given[m] > Owned(its, m) ? 1 : 0;
  }

  // Bellman and Ford's shortest paths from `source`, over the classes that partitions can be taken
  // from, and the members that have them.
  void AddOne(std::size_t source) {
    std::vector<std::int64_t> to_class(classes_.size(), kNever);
    std::vector<std::int64_t> to_member(members_, kNever);
    std::vector<std::size_t> class_from(classes_.size());  // which member passes one on
    std::vector<std::size_t> member_from(members_);        // of which class it gets one
    to_class[source] = 0;
    for (bool is_shorter = true; std::exchange(is_shorter, false);) {
      for (std::size_t c = 0; c < classes_.size(); ++c) {
        if (to_class[c] == kNever) continue;
        for (std::size_t m = 0; m < members_; ++m) {
          if (!classes_[c].subscribers[m]) continue;
          const std::int64_t cost = to_class[c] + CostOfMore(classes_[c], m);
          if (cost >= to_member[m]) continue;
          to_member[m] = cost;
          member_from[m] = c;
          is_shorter = true;
        }
      }
      for (std::size_t c = 0; c < classes_.size() && classes_.size() > 1; ++c) {
        for (std::size_t m = 0; m < members_; ++m) {
          if (classes_[c].given[m] == 0 || to_member[m] == kNever) continue;
          const std::int64_t cost = to_member[m] - SavedByLess(classes_[c], m);
          if (cost >= to_class[c]) continue;
          to_class[c] = cost;
          class_from[c] = m;
          is_shorter = true;
        }
      }
    }
    std::size_t last = members_;
    std::int64_t best = kNever;
    for (std::size_t m = 0; m < members_; ++m) {
      if (to_member[m] == kNever) continue;
      const std::int64_t cost = to_member[m] + more_than_all_moves_ * (load_[m] + 1);
      if (cost < best) {
        best = cost;
        last = m;
      }
    }
    ++load_[last];
    for (std::size_t m = last;;) {
      const std::size_t c = member_from[m];
      ++classes_[c].given[m];
      if (c == source) return;
      m = class_from[c];
      --classes_[c].given[m];
    }
  }

  std::vector<Class>& classes_;
  const std::size_t members_;
  std::vector<std::int64_t> load_;
  std::int64_t more_than_all_moves_ = 0;
};

}  // namespace

Assignments AssignSticky(const AssignorInput& input) {
  std::vector<Class> classes = Classify(input);
  const std::size_t members = input.members.size();
  Flow(classes, members).Fill();

  Assignments assignments;
  for (const AssignorMember& member : input.members) assignments[member.id];
  for (Class& its : classes) {
    std::set<TopicPartition> kept;
    for (std::size_t m = 0; m < members; ++m) {
      auto& mine = its.owned[m];
      mine.resize(std::min(mine.size(), static_cast<std::size_t>(its.given[m])));
      kept.insert(mine.begin(), mine.end());
      its.given[m] -= static_cast<std::int64_t>(mine.size());
      auto& assigned = assignments[input.members[m].id];
      assigned.insert(assigned.end(), mine.begin(), mine.end());
    }
    // The others are dealt out in turn, so that no member gets a whole topic if that can be.
    std::size_t turn = 0;
    for (const std::string& topic : its.topics) {
      for (int id = 0; id < input.partitions.at(topic); ++id) {
        TopicPartition partition{topic, id};
        if (kept.contains(partition)) continue;
        while (its.given[turn % members] == 0) ++turn;
        --its.given[turn % members];
        assignments[input.members[turn % members].id].push_back(std::move(partition));
        ++turn;
      }
    }
  }
  for (auto& [member, assigned] : assignments) std::sort(assigned.begin(), assigned.end());
  return assignments;
}

}  // namespace daybook::inline v1
