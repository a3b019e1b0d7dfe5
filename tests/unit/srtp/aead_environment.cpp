// Starts the crypto once for every test program of this room; without AES-NI nothing here can run.
#include <gtest/gtest.h>

#include "dataplane/srtp/aead.h"
#include "tests/unit/srtp/cipher_to_test.h"

namespace {

class AeadEnvironment : public testing::Environment {
  public:
    void SetUp() override {
        ASSERT_EQ(mdd::srtp::aead_start(mdd::test::cipher_to_test()), mdd::srtp::AeadStart::ok)
            << "this CPU has no AES-NI";
    }
};

const auto* const kRegistered = testing::AddGlobalTestEnvironment(new AeadEnvironment);

}  // namespace
