// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A target of our own; its dependencies are the directions of the architecture, and nothing may be imported that is not named here.
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "usher",
    products: [
        .executable(name: "usherd", targets: ["usherd"]),
        .executable(name: "usherctl", targets: ["usherctl"]),
        .library(name: "UsherClient", targets: ["UsherClient"]),
    ],
    dependencies: [
        // The commands of usherctl; usherd reads its few options itself.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        // System libraries and the few lines of C that Swift cannot say.
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev"])]),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
        // libpwquality, and the cracklib that it is built on.
        .systemLibrary(name: "CPwquality", pkgConfig: "pwquality", providers: [.apt(["libpwquality-dev", "libcrack2-dev"])]),
        .target(name: "CEpoll"),
        .target(name: "CTOML"),
        .target(name: "CPlatform"),
        .target(name: "CBase64URL"),

        // The ground: values, ports, and threads.
        module("UsherThreads", ["CPlatform"]),
        module("UsherModel", ["CPlatform"]),

        // The spine, top to bottom.
        module("UsherServer", ["UsherWire", "UsherOperations", "UsherJSON", "UsherModel", "UsherThreads", "CEpoll"]),
        module("UsherWire", ["UsherOperations", "UsherJSON", "UsherModel"]),
        module("UsherOperations", ["UsherToken", "UsherJSON", "UsherModel", "UsherThreads"]),
        module("UsherToken", ["UsherJSON", "UsherModel", "CBase64URL"]),
        module("UsherJSON", []),

        // The adapters: each the model and one C library.
        module("UsherCrypto", ["UsherModel", "COpenSSL", "CCrypt", "CArgon2"]),
        module("UsherQuality", ["UsherModel", "UsherThreads", "CPwquality"]),
        module("UsherSQLite", ["UsherModel", "UsherThreads", "CSQLite", "CPlatform"]),
        module("UsherSystemd", ["UsherModel", "UsherThreads", "CSystemd"]),

        .executableTarget(
            name: "usherd",
            dependencies: [
                "UsherServer", "UsherWire", "UsherOperations", "UsherToken", "UsherModel", "UsherThreads",
                "UsherCrypto", "UsherQuality", "UsherSQLite", "UsherSystemd", "CTOML",
            ],
            swiftSettings: settings),

        // The other side of the socket.
        module("UsherClient", ["UsherJSON", "UsherThreads"]),
        .executableTarget(
            name: "usherctl",
            dependencies: [
                "UsherClient", "UsherCrypto", "UsherJSON", "UsherModel", "UsherSQLite",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),

        module("UsherTesting", ["UsherModel", "UsherThreads"]),

        tests("UsherModelTests", ["UsherModel"]),
        tests("UsherThreadsTests", ["UsherThreads"]),
        tests("UsherJSONTests", ["UsherJSON", "UsherModel", "UsherTesting"]),
        tests("UsherTokenTests", ["UsherToken", "UsherJSON", "UsherModel", "UsherCrypto", "UsherTesting"]),
        // What the tests of the spine have in common: a service over stand-ins, asked by lines.
        .target(
            name: "UsherHarness",
            dependencies: [
                "UsherWire", "UsherOperations", "UsherToken", "UsherJSON", "UsherModel", "UsherThreads", "UsherCrypto",
                "UsherTesting",
            ],
            path: "Tests/UsherHarness", swiftSettings: settings),
        tests(
            "UsherOperationsTests",
            ["UsherHarness", "UsherOperations", "UsherToken", "UsherJSON", "UsherModel", "UsherTesting", "UsherCrypto"]),
        tests(
            "UsherWireTests",
            ["UsherHarness", "UsherWire", "UsherOperations", "UsherJSON", "UsherModel", "UsherTesting"]),
        tests(
            "UsherServerTests",
            [
                "UsherHarness", "UsherServer", "UsherWire", "UsherOperations", "UsherModel", "UsherThreads", "UsherTesting",
                "CEpoll",
            ]),
        tests("usherdTests", ["usherd", "UsherModel", "UsherOperations"]),
        tests("UsherClientTests", ["UsherClient", "UsherCrypto", "UsherModel", "UsherThreads", "usherd"]),
        tests("UsherCryptoTests", ["UsherCrypto", "UsherModel"]),
        tests("UsherQualityTests", ["UsherQuality", "UsherCrypto", "UsherModel", "CPwquality"]),
        tests("UsherSystemdTests", ["UsherSystemd", "UsherModel", "UsherThreads", "UsherTesting"]),
        // A disk that forgets what was not synced.
        .target(name: "CPowerCut", path: "Tests/CPowerCut"),
        tests("UsherSQLiteTests", ["UsherSQLite", "UsherModel", "UsherThreads", "UsherTesting", "CSQLite", "CPowerCut"]),
    ],
    cxxLanguageStandard: .cxx17
)
