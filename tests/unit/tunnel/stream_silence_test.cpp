// Peers of RFC 9185 that vanish from the network without a word. The test has a network of its own,
// and takes it down.
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/unit/tunnel/link_bed.h"

namespace mdd::tunnel {
namespace {

using namespace test;

bool set_loopback(bool up) {
    const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name);
    request.ifr_flags = static_cast<short>(up ? IFF_UP : 0);
    const bool done = ioctl(control, SIOCSIFFLAGS, &request) == 0;
    close(control);
    return done;
}

// Once for the process, and for good.
bool has_own_network() {
    static const bool unshared = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    return unshared;
}

class TunnelStreamSilence : public LinkBed {
  protected:
    TunnelStreamSilence() : LinkBed(Dialect::rfc9185) {}
    void SetUp() override {
        if (!has_own_network())
            GTEST_SKIP() << "no network namespace of its own here: " << std::strerror(errno);
        ASSERT_TRUE(set_loopback(true));
        make_kmf();
        auto config = link_config(kmf_->listener.port());
        config.session.peer_timeout = SessionConfig{}.peer_timeout;
        make_link(config);
        ASSERT_TRUE(come_up());
    }
    // How long both ends take to notice, up to ten seconds.
    Milliseconds notice(const std::function<void()>& meanwhile) {
        EXPECT_TRUE(set_loopback(false));
        const TimePoint start = Clock::now();
        const auto have_noticed = [&] {
            meanwhile();
            return record_.count("down silent") == 1 && kmf_->record.count("down 1 silent") == 1;
        };
        EXPECT_TRUE(until(have_noticed) || until(have_noticed));
        return std::chrono::duration_cast<Milliseconds>(Clock::now() - start);
    }
};

TEST_F(TunnelStreamSilence, AnIdleTunnelToAVanishedPeerIsDownWithinFiveSeconds) {
    const Milliseconds took = notice([] {});
    EXPECT_GE(took, Milliseconds(1500));
    EXPECT_LE(took, Milliseconds(5500));
}

TEST_F(TunnelStreamSilence, ABusyTunnelToAVanishedPeerIsDownWithinFiveSeconds) {
    const Milliseconds took = notice([this] { link_->send(message_to(1, 100)); });
    EXPECT_GE(took, Milliseconds(1500));
    EXPECT_LE(took, Milliseconds(5500));
}

}  // namespace
}  // namespace mdd::tunnel
