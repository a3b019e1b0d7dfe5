// The KMF's trace: one line a message, nothing of a datagram but its digest.
#include "tools/mdd-kmf/message_trace.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace mdd::kmf {
namespace {

using Direction = MessageTrace::Direction;

std::string contents_of(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

TEST(MessageTrace, WritesALineForEachDatagramAndNoBytesOfIt) {
    const auto file = std::filesystem::path(testing::TempDir()) / "message.trace";
    MessageTrace trace(file);
    tunnel::Message message;
    message.association.bytes[15] = 0x2a;
    message.body = tunnel::SupportedProfiles{{9}, {}};
    message.dtls = {'a', 'b', 'c'};
    const MessageTrace::Clock::time_point at(std::chrono::nanoseconds(1'234));
    trace.note(Direction::in, message, at);
    message.body = tunnel::KeyInformation{};
    trace.note(Direction::out, message, at);
    message.body = tunnel::Empty{};
    message.dtls.clear();
    trace.note(Direction::out, message, at);
    // SHA-256 of "abc" begins with ba7816bf 8f01cfea (FIPS 180-4).
    EXPECT_EQ(contents_of(file),
              "in,1234,0000000000000000000000000000002a,profiles,3,ba7816bf8f01cfea\n"
              "out,1234,0000000000000000000000000000002a,keys,3,ba7816bf8f01cfea\n");
}

TEST(MessageTrace, SaysWhichFileItCannotMake) {
    try {
        MessageTrace trace("/nowhere/message.trace");
        FAIL() << "no exception";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("/nowhere/message.trace"), std::string::npos);
    }
}

}  // namespace
}  // namespace mdd::kmf
