package org.jetbrains.kotlin.gradle.tasks

import org.jetbrains.kotlin.gradle.dsl.JvmTarget

class CompilerOptions {
    val jvmTarget: Target = Target()
}

class Target {
    @Suppress("UNUSED_PARAMETER")
    fun set(value: JvmTarget) {}
}

class KotlinCompile {
    val compilerOptions = CompilerOptions()
}
