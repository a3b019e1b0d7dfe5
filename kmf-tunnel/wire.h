// Fields of tunnel messages off and onto the wire, big-endian, for the codec of either dialect.
// Knows no message.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "dataplane/srtp/bytes.h"

namespace mdd::tunnel {

// Consumes a message from the front. A take that does not fit returns nullopt.
class Reader {
  public:
    explicit Reader(srtp::Bytes bytes) : rest_(bytes) {}

    std::optional<srtp::Bytes> take(std::size_t size_bytes) {
        if (rest_.size() < size_bytes) return std::nullopt;
        const srtp::Bytes taken = rest_.first(size_bytes);
        rest_ = rest_.subspan(size_bytes);
        return taken;
    }
    std::optional<std::uint8_t> take_u8() {
        const auto field = take(1);
        if (!field) return std::nullopt;
        return field->front();
    }
    std::optional<std::uint16_t> take_u16() {
        const auto field = take(2);
        if (!field) return std::nullopt;
        return srtp::load_be16(field->data());
    }
    // The bytes behind a length of one byte, or of two.
    std::optional<srtp::Bytes> take_vector8() {
        const auto size_bytes = take_u8();
        return size_bytes ? take(*size_bytes) : std::nullopt;
    }
    std::optional<srtp::Bytes> take_vector16() {
        const auto size_bytes = take_u16();
        return size_bytes ? take(*size_bytes) : std::nullopt;
    }
    bool at_end() const { return rest_.empty(); }

  private:
    srtp::Bytes rest_;
};

// Appends to a buffer whose size was computed beforehand.
class Writer {
  public:
    explicit Writer(srtp::MutableBytes out) : out_(out) {}

    void put(srtp::Bytes bytes) {
        std::copy(bytes.begin(), bytes.end(), out_.begin());
        out_ = out_.subspan(bytes.size());
    }
    void put_u8(std::size_t value) {
        const std::uint8_t byte = static_cast<std::uint8_t>(value);
        put({&byte, 1});
    }
    void put_u16(std::size_t value) {
        std::uint8_t bytes[2];
        srtp::store_be16(bytes, static_cast<std::uint16_t>(value));
        put(bytes);
    }
    void put_vector8(srtp::Bytes bytes) {
        put_u8(bytes.size());
        put(bytes);
    }
    void put_vector16(srtp::Bytes bytes) {
        put_u16(bytes.size());
        put(bytes);
    }

  private:
    srtp::MutableBytes out_;
};

}  // namespace mdd::tunnel
