// Lines of the audit, and the words in them.
#include "tools/mdd-kmf/audit_log.h"

#include <cerrno>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

namespace mdd::kmf {
namespace {

using Json = nlohmann::json;

std::FILE* open_to_append(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd < 0 ? nullptr : ::fdopen(fd, "a");
}

std::string stamp(std::chrono::system_clock::time_point at) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch());
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(at)), ms.count() % 1000);
}

struct Decision {
    std::string_view event;
    std::string_view reason;
};

std::optional<Decision> decision_in(const Notice& notice) {
    switch (notice.kind) {
        case Notice::Kind::keyed:
            return Decision{"join", ""};
        case Notice::Kind::refused:
            return Decision{"refuse", to_string(*notice.refusal)};
        case Notice::Kind::displaced:
            return Decision{"leave", "displaced"};
        case Notice::Kind::closed:
            return Decision{"leave", "closed"};
        case Notice::Kind::failed:
            return Decision{"leave", "failed"};
        case Notice::Kind::disconnected:
            return Decision{"leave", "disconnected"};
        case Notice::Kind::put_out:
            return Decision{"put_out", ""};
        case Notice::Kind::restored:
            return Decision{"restore", ""};
        case Notice::Kind::rekeyed:
            return Decision{"rekey", to_string(*notice.cause)};
        case Notice::Kind::spis_used_up:
            return Decision{"put_out", "spis_used_up"};
        case Notice::Kind::ekt_refused:
        case Notice::Kind::ekt_unanswered:
        case Notice::Kind::keys_sent:
            break;
    }
    return std::nullopt;
}

}  // namespace

AuditLog::AuditLog(std::filesystem::path file) : file_(std::move(file)) {
    if (!reopen())
        throw std::runtime_error(fmt::format("The audit file \"{}\" cannot be written: {}.",
                                             file_.string(),
                                             std::generic_category().message(errno)));
}

bool AuditLog::reopen() {
    auto* opened = open_to_append(file_);
    if (opened == nullptr) return false;
    out_.reset(opened);
    return true;
}

bool AuditLog::write(std::chrono::system_clock::time_point at, std::string_view event,
                     const Json& facts) {
    auto line = Json{{"time", stamp(at)}, {"event", event}};
    line.update(facts);
    const auto text = line.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
    return std::fwrite(text.data(), 1, text.size(), out_.get()) == text.size() &&
           std::fflush(out_.get()) == 0;
}

bool AuditLog::write(std::chrono::system_clock::time_point at, const Notice& notice) {
    const auto decision = decision_in(notice);
    if (!decision) return true;
    Json facts{{"conference", tunnel::to_uuid(notice.conference)}};
    if (!decision->reason.empty()) facts["reason"] = decision->reason;
    if (!notice.association.is_zero()) facts["association"] = tunnel::to_hex(notice.association);
    if (!notice.mdd.empty()) facts["mdd"] = notice.mdd;
    if (!notice.endpoint.empty()) facts["endpoint"] = notice.endpoint;
    if (notice.spi) facts["spi"] = *notice.spi;
    if (notice.alert) facts["alert"] = *notice.alert;
    if (notice.kind == Notice::Kind::rekeyed) facts["members"] = notice.members;
    return write(at, decision->event, facts);
}

}  // namespace mdd::kmf
