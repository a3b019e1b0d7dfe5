// Messages found in a stream, whatever pieces it comes in.
#include "kmf-tunnel/frame.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/tunnel/tunnel_vectors.h"

namespace mdd::tunnel {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Frames = std::vector<std::pair<int, Bytes>>;

// Every worked example of RFC 9185 in one stream, and an empty body.
Bytes all_examples() {
    Bytes stream;
    for (const char* name : {"supported_profiles", "unsupported_version_0", "media_keys_128",
                             "media_keys_256", "tunneled_dtls", "endpoint_disconnect"}) {
        const Bytes frame = test::rfc9185_bytes(name);
        stream.insert(stream.end(), frame.begin(), frame.end());
    }
    stream.insert(stream.end(), {0x77, 0, 0});
    return stream;
}

class Gathered {
  public:
    void take(srtp::Bytes bytes) {
        reader.take(bytes, [this](std::uint8_t type, srtp::Bytes body) {
            frames.emplace_back(type, Bytes(body.begin(), body.end()));
            return true;
        });
    }
    rfc9185::FrameReader reader;
    Frames frames;
};

Frames whole(const Bytes& stream) {
    Gathered gathered;
    gathered.take(stream);
    return gathered.frames;
}

TEST(TunnelFrame, FindsEveryExampleInOnePiece) {
    const Frames frames = whole(all_examples());
    ASSERT_EQ(frames.size(), 7u);
    EXPECT_EQ(frames[0].first, 1);
    EXPECT_EQ(frames[0].second, test::from_hex("0000040009000a"));
    EXPECT_EQ(frames[5].first, 5);
    EXPECT_EQ(frames[6], (std::pair<int, Bytes>(0x77, {})));
}

TEST(TunnelFrame, EverySplitInTwoGivesTheSame) {
    const Bytes stream = all_examples();
    const Frames expected = whole(stream);
    for (std::size_t at = 0; at <= stream.size(); ++at) {
        Gathered gathered;
        gathered.take(srtp::Bytes(stream).first(at));
        gathered.take(srtp::Bytes(stream).subspan(at));
        ASSERT_EQ(gathered.frames, expected) << at;
        EXPECT_TRUE(gathered.reader.begun().empty());
    }
}

TEST(TunnelFrame, OneByteAtATimeGivesTheSame) {
    const Bytes stream = all_examples();
    Gathered gathered;
    for (std::size_t i = 0; i < stream.size(); ++i)
        gathered.take(srtp::Bytes(stream).subspan(i, 1));
    EXPECT_EQ(gathered.frames, whole(stream));
}

TEST(TunnelFrame, RandomPiecesGiveTheSame) {
    const Bytes stream = all_examples();
    const Frames expected = whole(stream);
    std::mt19937 random(3);
    for (int i = 0; i < 500; ++i) {
        Gathered gathered;
        for (std::size_t at = 0; at < stream.size();) {
            const std::size_t size = std::min<std::size_t>(random() % 9, stream.size() - at);
            gathered.take(srtp::Bytes(stream).subspan(at, size));
            at += size;
        }
        ASSERT_EQ(gathered.frames, expected);
    }
}

TEST(TunnelFrame, ABodyOf65535BytesIsWholeAtItsLastByte) {
    Bytes stream{4, 0xff, 0xff};
    stream.resize(3 + 65535, 0x5a);
    Gathered gathered;
    gathered.take(srtp::Bytes(stream).first(stream.size() - 1));
    EXPECT_TRUE(gathered.frames.empty());
    EXPECT_EQ(gathered.reader.begun().size(), stream.size() - 1);
    gathered.take(srtp::Bytes(stream).last(1));
    ASSERT_EQ(gathered.frames.size(), 1u);
    EXPECT_EQ(gathered.frames[0].second.size(), 65535u);
    gathered.take(stream);
    EXPECT_EQ(gathered.frames.size(), 2u) << "and the next one after it";
}

TEST(TunnelFrame, NothingIsReadAfterTheEndOfReading) {
    const Bytes stream = all_examples();
    rfc9185::FrameReader reader;
    int frames = 0;
    reader.take(stream, [&](std::uint8_t, srtp::Bytes) { return ++frames < 2; });
    EXPECT_EQ(frames, 2);
    EXPECT_TRUE(reader.begun().empty());
}

}  // namespace
}  // namespace mdd::tunnel
