//! What every image needs besides its operation: a panic handler that cannot be linked.
//!
//! An image in which some path panics does not link, as `this_image_can_panic` is nowhere defined.
#![no_std]

use core::panic::PanicInfo;

unsafe extern "C" {
    fn this_image_can_panic() -> !;
}

/// For the image's panic handler.
pub fn unlinkable(_: &PanicInfo<'_>) -> ! {
    // SAFETY: never run: the image does not link if this is reached from its operation.
    unsafe { this_image_can_panic() }
}

/// Declares the panic handler of an image.
#[macro_export]
macro_rules! no_panic {
    () => {
        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
            $crate::unlinkable(info)
        }
    };
}
