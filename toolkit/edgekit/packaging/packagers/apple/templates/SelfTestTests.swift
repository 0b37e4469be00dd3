import XCTest

import [[ module ]]

final class SelfTestTests: XCTestCase {
    /// Every stage gives on this device what it gave where the model was validated.
    func testComputesWhatWasValidated() {
        let report = SelfTest.run()
        print(report.text)
        XCTAssertTrue(report.passed, report.text)
    }
}
