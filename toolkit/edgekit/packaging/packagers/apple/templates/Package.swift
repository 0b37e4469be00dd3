// swift-tools-version:5.9
import PackageDescription

let package = Package(
    name: "[[ module ]]",
    platforms: [.iOS(.v[[ ios ]]), .macOS(.v[[ macos ]])],
    products: [
        .library(name: "[[ module ]]", targets: ["[[ module ]]"])
    ],
    dependencies: [
[% if dependency %]
        .package(url: "[[ dependency.url ]]", branch: "[[ dependency.branch ]]")
[% endif %]
    ],
    targets: [
        .target(
            name: "[[ module ]]",
            dependencies: [
[% for product in products %]
                .product(name: "[[ product ]]", package: "[[ dependency.package ]]")[[ "" if loop.last else "," ]]
[% endfor %]
            ],
            // One by one, so that they lie at the bundle's root: iOS does not sign a bundle with a
            // folder called Resources.
            resources: [
[% for path in resources %]
                .copy("Resources/[[ path ]]")[[ "" if loop.last else "," ]]
[% endfor %]
[% if load_all %]
            ],
            linkerSettings: [
                // ExecuTorch's backends and kernels register themselves; without this the linker
                // leaves them out.
                .unsafeFlags(["-Xlinker", "-all_load"])
            ]
[% else %]
            ]
[% endif %]
        ),
        .testTarget(name: "[[ module ]]Tests", dependencies: ["[[ module ]]"])
    ]
)
