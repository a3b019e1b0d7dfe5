// What each end of an RFC 9185 tunnel may say, and when (§5.3, §5.4): the stream's plaintext in,
// messages and a verdict out. Knows neither TLS nor time.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "kmf-tunnel/down.h"
#include "kmf-tunnel/frame.h"
#include "kmf-tunnel/session.h"

namespace mdd::tunnel::rfc9185 {

inline constexpr std::uint8_t kHighestVersion = 0;

class Dialogue {
  public:
    // Drops and refusals are counted in `counters`, which must outlive the dialogue.
    Dialogue(Role role, SessionCounters& counters) : role_(role), counters_(counters) {}

    // The next bytes of the stream, cut anywhere. Nothing is read any more once there is a verdict.
    void take(srtp::Bytes plaintext);
    // KMF: the MDD has announced its profiles. MDD: true from the beginning.
    bool is_open() const { return role_ == Role::mdd || announced_.has_value(); }
    std::optional<Message> next_message();
    // Why the connection must end; the answer that has to be sent before, empty for none.
    const std::optional<Down>& verdict() const { return verdict_; }
    srtp::Bytes answer() const { return answer_; }
    // MDD: the highest version of a KMF that does not speak the announced one.
    std::optional<std::uint8_t> version_named() const { return version_named_; }

  private:
    bool on_frame(std::uint8_t type, srtp::Bytes body);
    void on_begun(srtp::Bytes frame);
    void on_announcement(Announcement announcement);
    void on_unsupported_version(const UnsupportedVersion& answer);
    void on_message(Message message);
    void refuse_version(std::uint8_t version);
    void break_off(std::string why);

    Role role_;
    SessionCounters& counters_;
    FrameReader reader_;
    std::optional<Announcement> announced_;
    std::deque<Message> messages_;
    std::optional<Down> verdict_;
    std::vector<std::uint8_t> answer_;
    std::optional<std::uint8_t> version_named_;
};

}  // namespace mdd::tunnel::rfc9185
