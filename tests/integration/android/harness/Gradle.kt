// What the shipped build.gradle.kts calls of Gradle, Android's plugin and Kotlin's, as far as its
// types go. It shows that the script is well-formed; only Gradle itself can run it.
@file:Suppress("UNUSED_PARAMETER", "unused")

import org.jetbrains.kotlin.gradle.dsl.JvmTarget

enum class JavaVersion { VERSION_11 }

class Property<T> {
    fun set(value: T) {}
}

class Plugins {
    fun id(name: String) {}
}

class Extensions {
    fun findByName(name: String): Any? = null
}

class DefaultConfig {
    var minSdk: Int = 0
    var testInstrumentationRunner: String = ""
    fun consumerProguardFiles(vararg files: Any) {}
}

class CompileOptions {
    var sourceCompatibility = JavaVersion.VERSION_11
    var targetCompatibility = JavaVersion.VERSION_11
}

class AndroidResources {
    val noCompress: MutableCollection<String> = ArrayList()
}

class SingleVariant {
    fun withSourcesJar() {}
}

class LibraryPublishing {
    fun singleVariant(name: String, action: SingleVariant.() -> Unit) {}
}

class Android {
    var namespace: String = ""
    var compileSdk: Int = 0
    fun defaultConfig(action: DefaultConfig.() -> Unit) {}
    fun compileOptions(action: CompileOptions.() -> Unit) {}
    fun androidResources(action: AndroidResources.() -> Unit) {}
    fun publishing(action: LibraryPublishing.() -> Unit) {}
}

class Tasks {
    fun <T> withType(): TaskCollection<T> = TaskCollection()
}

class TaskCollection<T> {
    fun configureEach(action: T.() -> Unit) {}
}

class Dependencies {
    fun implementation(notation: String) {}
    fun androidTestImplementation(notation: String) {}
}

class MavenPublication {
    var artifactId: String = ""
    fun from(component: Any) {}
}

class Components {
    operator fun get(name: String): Any = name
}

class Publications {
    fun <T> register(name: String, action: T.() -> Unit) {}
}

class Publishing {
    fun publications(action: Publications.() -> Unit) {}
}

val extensions = Extensions()
val tasks = Tasks()
val components = Components()
var group: String = ""
var version: String = ""

fun plugins(action: Plugins.() -> Unit) {}

fun apply(plugin: String) {}

fun android(action: Android.() -> Unit) {}

fun dependencies(action: Dependencies.() -> Unit) {}

fun publishing(action: Publishing.() -> Unit) {}

fun afterEvaluate(action: () -> Unit) {}
