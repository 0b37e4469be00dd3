import org.jetbrains.kotlin.gradle.dsl.JvmTarget
import org.jetbrains.kotlin.gradle.tasks.KotlinCompile

plugins {
    id("com.android.library")
    id("maven-publish")
}

// Android Gradle plugin 9 compiles Kotlin by itself; an older one needs Kotlin's own plugin.
if (extensions.findByName("kotlin") == null) {
    apply(plugin = "org.jetbrains.kotlin.android")
}

group = "dev.edgekit"
version = "[[ version ]]"

android {
    namespace = "[[ package ]]"
    compileSdk = [[ compile_sdk ]]

    defaultConfig {
        minSdk = [[ min_sdk ]]
        consumerProguardFiles("consumer-rules.pro")
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
    androidResources {
        noCompress += listOf("[[ suffix ]]", "bin")
    }
    publishing {
        singleVariant("release") {
            withSourcesJar()
        }
    }
}

tasks.withType<KotlinCompile>().configureEach {
    compilerOptions.jvmTarget.set(JvmTarget.JVM_11)
}

dependencies {
    implementation("[[ runtime ]]")
    androidTestImplementation("androidx.test:runner:1.6.2")
    androidTestImplementation("androidx.test.ext:junit:1.2.1")
}

publishing {
    publications {
        register<MavenPublication>("release") {
            artifactId = "[[ artifact ]]"
            afterEvaluate {
                from(components["release"])
            }
        }
    }
}
