//! The panic handler of every image, which cannot be linked.
//!
//! An image with a path that panics does not link, because `this_image_can_panic` is defined nowhere.
#![no_std]

use core::panic::PanicInfo;

unsafe extern "C" {
    fn this_image_can_panic() -> !;
}

/// For the image's panic handler.
pub fn unlinkable(_: &PanicInfo<'_>) -> ! {
    // SAFETY: never run: the image does not link if its operation reaches this call.
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
