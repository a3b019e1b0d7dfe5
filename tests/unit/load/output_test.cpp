// Files: the pcap read back by a reader that shares nothing with the writer, and a disk that is
// full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/folder.h"
#include "tests/support/hex.h"
#include "tools/mdd-load/pcap_writer.h"

namespace mdd::load::test {
namespace {

using mdd::test::content_of;
using mdd::test::to_hex;
using std::chrono::microseconds;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

using FrameBytes = std::vector<std::uint8_t>;

struct ReadFrame {
    double at_seconds;
    FrameBytes bytes;
};

// Takes the file apart from its magic number on, in either byte order, as libpcap does.
class PcapReader {
  public:
    explicit PcapReader(std::string content) : content_(std::move(content)) {
        swapped_ = word() == 0xD4C3B2A1;
        at_ = 0;
        EXPECT_EQ(word(), 0xA1B2C3D4);
        EXPECT_EQ(half(), 2);
        EXPECT_EQ(half(), 4);
        at_ += 8;
        snap_bytes_ = word();
        EXPECT_EQ(word(), 1u) << "Ethernet";
    }
    std::vector<ReadFrame> frames() {
        std::vector<ReadFrame> all;
        while (at_ < content_.size()) {
            const double seconds = word();
            const auto micros = word();
            EXPECT_LT(micros, 1'000'000u);
            const auto captured = word();
            EXPECT_EQ(word(), captured);
            EXPECT_LE(captured, snap_bytes_);
            const auto bytes = content_.substr(at_, captured);
            EXPECT_EQ(bytes.size(), captured);
            at_ += captured;
            all.push_back({seconds + micros / 1e6, FrameBytes(bytes.begin(), bytes.end())});
        }
        return all;
    }

  private:
    std::uint8_t octet() { return static_cast<std::uint8_t>(content_.at(at_++)); }
    std::uint32_t half() {
        const std::uint32_t first = octet(), second = octet();
        return swapped_ ? first << 8 | second : second << 8 | first;
    }
    std::uint32_t word() {
        const auto first = half(), second = half();
        return swapped_ ? first << 16 | second : second << 16 | first;
    }

    std::string content_;
    std::size_t at_ = 0;
    bool swapped_ = false;
    std::uint32_t snap_bytes_ = 0;
};

TEST(PcapWriter, FramesComeBackWithTheirTimes) {
    const mdd::test::Folder folder;
    const auto path = folder.path() / "a.pcap";
    const std::vector<std::pair<microseconds, FrameBytes>> sent = {
        {microseconds(0), FrameBytes(60, 0xAA)},
        {microseconds(999'999), FrameBytes{1}},
        {microseconds(1'000'000), FrameBytes(PcapWriter::kLongestFrameBytes, 7)},
        {microseconds(1'790'000'000'123'456), FrameBytes(1280, 0)}};
    PcapWriter writer(path);
    for (const auto& [at, frame] : sent) writer.add(at, frame);
    EXPECT_EQ(writer.frames(), 4u);
    writer.close();
    const auto read = PcapReader(content_of(path)).frames();
    ASSERT_EQ(read.size(), sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) {
        EXPECT_NEAR(read[i].at_seconds, static_cast<double>(sent[i].first.count()) / 1e6, 5e-7);
        EXPECT_EQ(read[i].bytes, sent[i].second);
    }
}

TEST(PcapWriter, EveryByteIsWhereTheFormatHasIt) {
    const mdd::test::Folder folder;
    const auto path = folder.path() / "a.pcap";
    PcapWriter writer(path);
    writer.add(microseconds(2'000'003), FrameBytes{0xDE, 0xAD});
    writer.close();
    const auto content = content_of(path);
    EXPECT_EQ(to_hex(FrameBytes(content.begin(), content.end())),
              "d4c3b2a1"
              "02000400"
              "0000000000000000"
              "ffff0000"
              "01000000"
              "0200000003000000"
              "0200000002000000"
              "dead");
}

TEST(PcapWriter, WhatTheFormatCannotSayIsRefused) {
    const mdd::test::Folder folder;
    PcapWriter writer(folder.path() / "a.pcap");
    const FrameBytes frame(60);
    const auto add = [&](std::int64_t at, const FrameBytes& bytes) {
        return [&writer, at, &bytes] { writer.add(microseconds(at), bytes); };
    };
    EXPECT_THAT(add(-1, frame), ThrowsMessage<OutputError>(HasSubstr("at -1 s")));
    EXPECT_THAT(add(4'294'967'296'000'000, frame),
                ThrowsMessage<OutputError>(HasSubstr("Frame 1")));
    EXPECT_THAT(add(0, FrameBytes()), ThrowsMessage<OutputError>(HasSubstr("0 bytes")));
    EXPECT_THAT(add(0, FrameBytes(65'536)), ThrowsMessage<OutputError>(HasSubstr("65536 bytes")));
    EXPECT_EQ(writer.frames(), 0u);
}

TEST(PcapWriter, AFullDiskIsSaidBeforeTheEnd) {
    PcapWriter writer("/dev/full");
    const FrameBytes frame(1500);
    const auto fill = [&] {
        for (int i = 0; i < 100; ++i) writer.add(microseconds(i), frame);
    };
    EXPECT_THAT(fill, ThrowsMessage<OutputError>(
                          "/dev/full could not be written: No space left on device."));
}

TEST(OutputFile, AFullDiskIsSaidWhenTheFileIsClosed) {
    OutputFile file("/dev/full");
    file.write("a few bytes");
    EXPECT_THAT(
        [&] { file.close(); },
        ThrowsMessage<OutputError>("/dev/full could not be written: No space left on device."));
}

TEST(OutputFile, WhatCannotBeOpenedIsSaidAtOnce) {
    const mdd::test::Folder folder;
    const auto absent = (folder.path() / "absent" / "file").string();
    EXPECT_THAT([&] { OutputFile file(absent); },
                ThrowsMessage<OutputError>(
                    absent + " cannot be opened for writing: No such file or directory."));
    EXPECT_THAT([&] { OutputFile file(folder.path()); },
                ThrowsMessage<OutputError>(HasSubstr("Is a directory")));
}

TEST(OutputFile, TextAndBytesFollowEachOther) {
    const mdd::test::Folder folder;
    const auto path = folder.path() / "file";
    OutputFile file(path);
    file.write("one ");
    file.write(FrameBytes{'t', 'w', 'o'});
    file.close();
    EXPECT_EQ(content_of(path), "one two");
}

}  // namespace
}  // namespace mdd::load::test
