#include "torture/model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daybook/admin.h"
#include "daybook/consumer_group.h"

namespace daybook::torture {
namespace {

constexpr char kGroup[] = "group";

// It may hold bytes of any kind.
std::string Short(std::string_view value) {
  const std::string begin = absl::CHexEscape(std::string(value.substr(0, 40)));
  return value.size() <= 40 ? begin : absl::StrCat(begin, "... (", value.size(), " bytes)");
}

class Checker {
 public:
  Checker(Broker& broker, const Model& model, const CheckOptions& options, Tally& tally)
      : broker_(broker), model_(model), options_(options), tally_(tally) {}

  std::optional<Found> Run() {
    for (const std::string& name : model_.deleted) {
      const auto topic = broker_.OpenTopic(name);
      if (!absl::IsNotFound(topic.status())) {
        Violate(absl::StrCat("topic ", name,
                             " was deleted and is there again: ", topic.status().ToString()));
      }
    }
    for (const auto& [name, topic] : model_.topics) CheckTopic(name, topic);
    if (is_whole_) CheckGroup();
    if (is_whole_ && options_.joins_group) JoinGroup();
    if (is_whole_ && options_.joins_group) MakeDeletedAnew();
    return is_whole_ ? std::optional(std::move(found_)) : std::nullopt;
  }

 private:
  void Violate(std::string what) {
    is_whole_ = false;
    tally_.Violate(std::move(what));
  }

  void CheckTopic(const std::string& name, const TopicModel& topic) {
    const auto handle = broker_.OpenTopic(name);
    if (!handle.ok()) {
      if (!absl::IsNotFound(handle.status())) {
        Violate(absl::StrCat("topic ", name, ": ", handle.status().ToString()));
      } else if (topic.state == TopicModel::State::kThere) {
        Violate(absl::StrCat("lost: topic ", name, " was acknowledged and is not there"));
      }
      return;
    }
    if (handle->partitions() != static_cast<int>(topic.partitions.size())) {
      Violate(absl::StrCat("topic ", name, " has ", handle->partitions(), " partitions"));
      return;
    }
    for (int id = 0; id < handle->partitions(); ++id) CheckPartition(*handle, id, topic);
  }

  void CheckPartition(const Topic& topic, int id, const TopicModel& model) {
    where_ = absl::StrCat(topic.name(), "-", id, ": ");
    Partition& partition = topic.partition(id);
    const PartitionModel& expected = model.partitions[static_cast<std::size_t>(id)];
    const auto end = partition.end_offset();
    if (!end.ok()) return Violate(absl::StrCat(where_, end.status().ToString()));
    const Together* together = model_.together.get();
    if (together != nullptr && (together->topic != topic.name() || together->partition != id)) {
      together = nullptr;
    }
    const bool is_going = model.state == TopicModel::State::kDeleting;
    const std::size_t promised = is_going                             ? 0
                                 : options_.fault == Fault::kPowerCut ? expected.on_disk
                                                                      : expected.in_process;
    if (end->value() < static_cast<std::int64_t>(promised)) {
      Violate(absl::StrCat("lost: ", where_, promised,
                           " records were acknowledged, and it ends at ", end->value()));
      return;
    }
    if (together == nullptr &&
        end->value() > static_cast<std::int64_t>(expected.attempted.size())) {
      Violate(absl::StrCat(where_, "ends at ", end->value(), ", and only ",
                           expected.attempted.size(), " were ever attempted"));
      return;
    }
    auto values = ReadAll(partition, *end);
    if (!values) return;
    CompareRecords(*values, expected, promised);
    if (together != nullptr) CompareTogether(*values, expected.attempted.size(), *together);
    const auto durable = partition.durable_offset();
    if (!durable.ok() || *durable > *end) {
      Violate(absl::StrCat(where_, "durable to ", durable.ok() ? durable->value() : -1,
                           " and it ends at ", end->value(), " ", durable.status().ToString()));
    }
    found_[{topic.name(), id}] = *std::move(values);
  }

  std::optional<std::vector<std::optional<std::string>>> ReadAll(Partition& partition, Offset end) {
    std::vector<std::optional<std::string>> values(static_cast<std::size_t>(end.value()));
    for (Offset at(0); at < end;) {
      const auto batch = partition.Read(at);
      if (!batch.ok()) {
        Violate(absl::StrCat(absl::IsDataLoss(batch.status()) ? "damage: " : "", where_,
                             "reading at ", at.value(), " of ", end.value(), ": ",
                             batch.status().ToString()));
        return std::nullopt;
      }
      if (batch->empty()) break;
      for (const RecordView& record : *batch) {
        const auto offset = static_cast<std::size_t>(record.offset.value());
        if (offset >= values.size() || record.offset < at) {
          Violate(absl::StrCat(where_, "a record of offset ", offset, " reading from ", at.value(),
                               " to ", end.value()));
          return std::nullopt;
        }
        values[offset] = std::string(record.value);
        at = record.offset + 1;
      }
      at = std::max(at, batch->next_offset());
    }
    return values;
  }

  void CompareRecords(const std::vector<std::optional<std::string>>& values,
                      const PartitionModel& expected, std::size_t promised) {
    for (std::size_t i = 0; i < std::min(values.size(), expected.attempted.size()); ++i) {
      if (values[i] == expected.attempted[i]) continue;
      // What a claim holds is attempted when it is committed, and not before.
      const std::string wanted =
          expected.attempted[i] ? Short(*expected.attempted[i]) : "an abandoned claim";
      if (!values[i]) {
        Violate(absl::StrCat(i < promised ? "lost: " : "hole: ", where_, "nothing at offset ", i,
                             " in place of ", wanted));
      } else {
        Violate(absl::StrCat("wrong: ", where_, "at offset ", i, " there is ", Short(*values[i]),
                             " in place of ", wanted));
      }
      return;
    }
  }

  void CompareTogether(const std::vector<std::optional<std::string>>& values, std::size_t begin,
                       const Together& together) {
    std::vector<std::size_t> next(together.appenders.size());
    for (std::size_t i = begin; i < values.size(); ++i) {
      if (!values[i]) continue;  // a claim that was under way
      std::size_t whose = 0;
      while (whose < next.size() && (next[whose] >= together.appenders[whose].attempted ||
                                     together.appenders[whose].values[next[whose]] != *values[i])) {
        ++whose;
      }
      if (whose == next.size()) {
        Violate(absl::StrCat("wrong: ", where_, "at offset ", i, " there is ", Short(*values[i]),
                             ", which no thread has appended, or not in this order"));
        return;
      }
      ++next[whose];
    }
    for (std::size_t i = 0; i < next.size() && i < options_.together.size(); ++i) {
      if (next[i] >= options_.together[i]) continue;
      Violate(absl::StrCat("lost: ", where_, "of thread ", i, " ", options_.together[i],
                           " records were acknowledged, and ", next[i], " are there"));
    }
  }

  const PartitionModel* Find(const std::string& topic, int partition) const {
    const auto found = model_.topics.find(topic);
    return found == model_.topics.end()
               ? nullptr
               : &found->second.partitions[static_cast<std::size_t>(partition)];
  }

  void CheckGroup() {
    const auto group = Admin(broker_).DescribeGroup(kGroup);
    std::map<std::pair<std::string, int>, std::int64_t> committed;
    if (group.ok()) {
      for (const auto& offset : group->offsets) {
        committed[{offset.topic, offset.partition}] = PlaceOf(offset.committed);
      }
    } else if (!absl::IsNotFound(group.status())) {
      return Violate(absl::StrCat("the group: ", group.status().ToString()));
    }
    for (const auto& [where, offset] : committed) {
      const PartitionModel* partition = Find(where.first, where.second);
      if (partition != nullptr && offset > partition->committed) {
        Violate(absl::StrCat("the group has committed ", offset, " in ", where.first, "-",
                             where.second, ", and never tried more than ", partition->committed));
      }
    }
    if (options_.fault != Fault::kKill) return;
    for (const auto& [where, values] : found_) {
      const std::int64_t kept = Find(where.first, where.second)->kept_commit;
      const auto offset = committed.find(where);
      if (kept > 0 && (offset == committed.end() || offset->second < kept) &&
          model_.topics.at(where.first).state == TopicModel::State::kThere) {
        Violate(absl::StrCat("lost: the group had committed ", kept, " in ", where.first, "-",
                             where.second));
      }
    }
  }

  // A topic whose deletion was under way, and which is gone: the group has no place in another one
  // of its name.
  void MakeDeletedAnew() {
    for (const auto& [name, topic] : model_.topics) {
      if (topic.state != TopicModel::State::kDeleting ||
          !absl::IsNotFound(broker_.OpenTopic(name).status())) {
        continue;
      }
      if (const auto status = broker_.CreateTopic(name, topic.options); !status.ok()) {
        return Violate(absl::StrCat("making ", name, " anew: ", status.ToString()));
      }
      tally_.Count("topics made anew");
      const auto group = Admin(broker_).DescribeGroup(kGroup);
      for (const auto& place : group.ok() ? group->offsets : std::vector<GroupOffset>()) {
        if (place.topic == name && PlaceOf(place.committed) > 0) {
          Violate(absl::StrCat("the group stands at ", PlaceOf(place.committed), " in ", name,
                               ", which was made anew"));
        }
      }
      broker_.DeleteTopic(name).IgnoreError();
    }
  }

  void JoinGroup() {
    ConsumerGroup group(broker_, kGroup);
    std::set<std::string> names;
    for (const auto& [where, values] : found_) names.insert(where.first);
    if (names.empty()) return;
    const auto consumer = group.Join({names.begin(), names.end()});
    if (!consumer.ok()) return Violate(absl::StrCat("join: ", consumer.status().ToString()));
    const auto polled = (*consumer)->Poll({});
    if (!polled.ok()) return Violate(absl::StrCat("poll: ", polled.status().ToString()));
    for (const auto& [where, values] : found_) {
      const auto position = (*consumer)->Position({where.first, where.second});
      if (position.ok() && position->value() > static_cast<std::int64_t>(values.size())) {
        Violate(absl::StrCat("the group stands at ", position->value(), " in ", where.first, "-",
                             where.second, ", which ends at ", values.size()));
      }
    }
  }

  Broker& broker_;
  const Model& model_;
  const CheckOptions& options_;
  Tally& tally_;
  Found found_;
  std::string where_;
  bool is_whole_ = true;
};

}  // namespace

std::uint64_t Model::bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, topic] : topics) {
    for (const PartitionModel& partition : topic.partitions) {
      for (const auto& value : partition.attempted) bytes += value ? value->size() : 0;
    }
  }
  return bytes;
}

std::vector<std::size_t> Model::TogetherAcknowledged() const {
  std::vector<std::size_t> acknowledged;
  if (together == nullptr) return acknowledged;
  for (const Together::Appender& appender : together->appenders) {
    acknowledged.push_back(appender.acknowledged);
  }
  return acknowledged;
}

std::optional<Found> CheckBroker(Broker& broker, const Model& model, const CheckOptions& options,
                                 Tally& tally) {
  return Checker(broker, model, options, tally).Run();
}

std::optional<Found> Check(FileSystem& left, const std::string& directory, const Model& model,
                           const CheckOptions& options, Tally& tally) {
  const auto broker = Broker::Open(directory, {.access = BrokerAccess::kReadWrite,
                                               .background = Background::kCaller,
                                               .file_system = &left});
  if (!broker.ok()) {
    tally.Violate(absl::StrCat("cannot be opened: ", broker.status().ToString()));
    return std::nullopt;
  }
  return CheckBroker(**broker, model, options, tally);
}

void TakeBack(const std::map<std::string, TopicModel>& before, Model& model) {
  for (auto& [name, topic] : model.topics) {
    const auto old = before.find(name);
    if (old == before.end()) topic.state = TopicModel::State::kCreating;
    for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
      PartitionModel& partition = topic.partitions[i];
      const PartitionModel was = old == before.end() ? PartitionModel() : old->second.partitions[i];
      partition.in_process = std::min(partition.in_process, was.in_process);
      partition.on_disk = std::min(partition.on_disk, was.on_disk);
      partition.kept_commit = std::min(partition.kept_commit, was.kept_commit);
    }
  }
}

void Adopt(const Found& found, Model& model) {
  for (auto topic = model.topics.begin(); topic != model.topics.end();) {
    if (!found.contains({topic->first, 0})) {
      model.deleted.insert(topic->first);
      topic = model.topics.erase(topic);
      continue;
    }
    topic->second.state = TopicModel::State::kThere;
    for (std::size_t i = 0; i < topic->second.partitions.size(); ++i) {
      PartitionModel& partition = topic->second.partitions[i];
      partition.attempted = found.at({topic->first, static_cast<int>(i)});
      partition.in_process = partition.on_disk = partition.attempted.size();
      partition.promised = 0;
      partition.kept_commit = 0;  // may be gone
    }
    ++topic;
  }
  model.together = nullptr;
}

}  // namespace daybook::torture
