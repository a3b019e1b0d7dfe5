// The words and the weight of each notice.
#include "tools/mdd-kmf/notice_log.h"

#include <spdlog/spdlog.h>

namespace mdd::kmf {

void log(const Notice& notice) {
    const auto where = fmt::format("conference={}", tunnel::to_uuid(notice.conference));
    const auto who =
        fmt::format("association={} {} mdd={} endpoint={}", tunnel::to_hex(notice.association),
                    where, notice.mdd, notice.endpoint.empty() ? "?" : notice.endpoint);
    switch (notice.kind) {
        case Notice::Kind::keyed:
            return spdlog::info("endpoint keyed: {}", who);
        case Notice::Kind::refused:
            return spdlog::warn("handshake refused: reason={} {}", to_string(*notice.refusal), who);
        case Notice::Kind::displaced:
            return spdlog::info("endpoint moved to a newer association: {}", who);
        case Notice::Kind::closed:
            return spdlog::info("endpoint left: {}", who);
        case Notice::Kind::failed:
            return spdlog::warn("endpoint's association failed: alert={} {}",
                                notice.alert ? std::to_string(*notice.alert) : "none", who);
        case Notice::Kind::put_out:
            return spdlog::info("endpoint put out: {}", who);
        case Notice::Kind::disconnected:
            return spdlog::info("endpoint disconnected by its MDD: {}", who);
        case Notice::Kind::restored:
            return spdlog::info("association restored: {}", who);
        case Notice::Kind::rekeyed:
            return spdlog::info("new EKT key: cause={} spi={} members={} {}",
                                to_string(*notice.cause), *notice.spi, notice.members, where);
        case Notice::Kind::spis_used_up:
            return spdlog::warn("every SPI is used up, all members have to join anew: {}", where);
        case Notice::Kind::ekt_refused:
            return spdlog::warn("EKT key refused: spi={} alert={} {}", *notice.spi, *notice.alert,
                                who);
        case Notice::Kind::ekt_unanswered:
            return spdlog::warn("EKT key not acknowledged: spi={} {}", *notice.spi, who);
        case Notice::Kind::keys_sent:
            return spdlog::info("keys sent: {} keys_sha256={}", who, notice.keys_sha256);
    }
}

}  // namespace mdd::kmf
